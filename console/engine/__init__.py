"""The one engine through which every change to a broker goes, whoever asked for it.

accept.py   one transaction: the desired, its steps and its audit row are kept, then answered
apply.py    a worker, alone on its broker: read, call, read back, compare, record
lease.py    who may write to a broker now
sweep.py    finds what no message told of
"""
