"""SIP as surveillance devices speak it (RFC 3261): a sans-IO core, and sockets around it."""
