"""What an MNO does by itself before it sends: write a manifest, check a delivery, try a feed. No Spark and no lake.

What a line or a file comes to is said by the code of the night's intake, so that both say the same.
"""
