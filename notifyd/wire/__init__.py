"""What talks bytes."""
