"""The API's endpoints, a file for each noun, and the table that lists them all."""
