"""People and duty: customers, sites, engineers, who is responsible, who is on call, what was promised to whom."""
