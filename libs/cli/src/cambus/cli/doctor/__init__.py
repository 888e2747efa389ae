"""What `cambusctl doctor` looks at: each check gives findings, each finding says what to do."""
