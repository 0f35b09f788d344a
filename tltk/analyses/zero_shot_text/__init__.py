"""Classes that nobody has shown, named by a sentence each: a model of picture and text from a local folder."""
