"""The values of the key-value buckets, one file for each."""
