"""The only room that speaks SQL: plain functions with the SQL text in them, one module per noun."""
