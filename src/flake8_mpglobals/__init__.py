"""Find state that worker processes change and the parent never sees.

The package is both a flake8 plugin (prefix ``MPG``) and a command,
``mpglobals``.  Importing it loads nothing else: every face imports the stages
that it needs when it needs them.
"""

__version__ = "0.1.0"
