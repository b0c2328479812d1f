"""How it is shown: figures, sentences and pages, made from stored records only.

Nothing here imports a drawing or a template library until a page is made.
"""
