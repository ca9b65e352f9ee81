"""The change engine: every change to a broker goes through it, wherever it was requested.

accept.py   stores the desired state, its steps and its audit row in one transaction, then answers
applying/   how a worker, alone on its broker, reads, calls, reads back, compares and records
lease.py    decides which worker may write to a broker
sweep.py    finds due steps for which no notification arrived
"""
