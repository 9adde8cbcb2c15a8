"""The HTTP service. It needs the extra `service`; nothing of that is loaded before it is asked for."""
