"""What training dynamics say about instances."""
