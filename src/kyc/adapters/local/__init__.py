"""The local cloud: instances, prices, capacity and interruptions on this machine, without root or an account.

    master -- cloud.py --+                     +-- machine.py: a process group with its own address and folder
                         +-- api (unix socket)-+-- metadata.py: EC2's metadata service for it
    terraform -- ctl.py -+   site.py           +-- capacity.py: pools that run out, traces that are replayed

The daemon (`daemon.py`) is a process of its own and outlives the master, as a real cloud does. It uses the standard
library only, so that it starts fast and stays small.
"""
