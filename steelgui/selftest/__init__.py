"""Does this SteelGUI work, here and now? Serves, inspects, trains and looks up, and says which of it failed."""
