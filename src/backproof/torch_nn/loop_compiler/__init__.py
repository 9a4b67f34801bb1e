"""Compile loops over arrays by numba, and run them on torch's own threads.

Not on numba's: its OpenMP layer ends a process that forks, its own pool ends one that two threads enter at
once, and either fights for the cores with torch's threads, which wait busily. So each loop is compiled for
one thread, and torch's OpenMP runtime calls it once in each of its threads.
"""
