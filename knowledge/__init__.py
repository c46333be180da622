"""From a business's files to passages, and from passages to an honest answer. Imports the ground floor only."""
