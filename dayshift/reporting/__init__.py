"""What a day, a week, a month was, told to the person: gathered facts in, Markdown, JSON and pages out."""
