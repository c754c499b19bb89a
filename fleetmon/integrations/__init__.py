"""What other tools hand us, told in our words: pure functions from text to wishes and from wishes to plans."""
