"""The four forms of recurrent network, each a module without a loss and without a metric."""
