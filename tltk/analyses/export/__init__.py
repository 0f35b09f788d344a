"""What a training made, as files that work without tltk, or that another machine takes in."""
