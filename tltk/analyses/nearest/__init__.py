"""Which training pictures a picture is most like."""
