[echo]
