"""What the pilot zones say about the model, and cases that replay them."""
