"""Pure numpy and pydantic: no database, no files, no keras, no streamlit."""
