"""The watch: notices what fails and what has fallen silent, and tells staff, once for each trouble."""
