"""What daemons and kernels do while a fabric is broken: sessions that come and go, routes that change."""
