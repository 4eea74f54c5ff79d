"""Free time that staff give: to one guest, or to all who lost some in an outage; outside of revenue."""
