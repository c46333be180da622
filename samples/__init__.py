"""Sample businesses with golden questions (README.md), and what makes their PDF and DOCX files."""
