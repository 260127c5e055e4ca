"""The request path: authorise, admit, route, meter. The one place where a request costs money."""
