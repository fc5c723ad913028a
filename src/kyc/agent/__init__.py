"""The process in each instance: runs the work, replicates its files, listens for notices. Stays light."""
