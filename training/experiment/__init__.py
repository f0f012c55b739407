"""Do synthetic pictures help? Trainings with and without them, on one split, and an answer that can be believed."""
