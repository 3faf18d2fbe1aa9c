"""What a day was, told to the person: gathered facts in, Markdown, JSON and pages out."""
