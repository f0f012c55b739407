"""The versioned JSON API over the same services as the page."""
