"""What a person writes for the program to read: settings and day files, and what is wrong in them."""
