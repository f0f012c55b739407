"""Several kinds of models on one data set: same split, same seeds, as many pictures seen."""
