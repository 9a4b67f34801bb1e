"""The language of formulas: trees that compute what they say and write themselves. It knows no layer."""
