"""Tests on real nodes. What the conformance suite asserts is shown in full when it fails."""

import pytest

pytest.register_assert_rewrite("conformance")
