"""The only room that speaks SQL or Milvus: one function, one statement or one transaction, named for its meaning."""
