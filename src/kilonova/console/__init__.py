"""The console's pages: files for a browser, and how they are served. They ask ``/kn/v1`` and
OpenAI's wire like any other client; nothing here knows a member or a model.
"""
