"""The kiosk: a page of its own for visitors of an exhibition, served at `/kiosk`."""
