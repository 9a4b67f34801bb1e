"""The hand-in: which runs the report needs, their training, the report of them, and the zip file.

Nothing is printed here, and nothing of the command line may be imported.
"""
