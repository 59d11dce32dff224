"""Tests on real nodes. What the suites that both rings run assert is shown in full when it fails."""

import pytest

pytest.register_assert_rewrite("conformance", "provisioned")
