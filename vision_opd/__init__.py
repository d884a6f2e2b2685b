__version__ = "0.1.0"
from .engine import aliases   # old import paths and names, for one release
