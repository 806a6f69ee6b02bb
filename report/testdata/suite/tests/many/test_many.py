"""More tests than an expression selects."""

for _number in range(300):
    exec(f"def test_function_{_number}(): pass")
