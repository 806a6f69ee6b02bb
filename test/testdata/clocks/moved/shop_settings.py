TIME_ZONE = "America/Chicago"
