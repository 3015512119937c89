"""Counts the words of /in/book.txt; a script for a Python that runs as a guest."""
import collections
import sys

text = open("/in/book.txt").read()
words = collections.Counter(text.split())
print(sys.implementation.name, "%d.%d.%d" % sys.version_info[:3], sys.platform)
print(len(text), "characters,", sum(words.values()), "words, most often", words.most_common(3))
