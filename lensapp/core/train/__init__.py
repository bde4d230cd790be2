"""What a training is: specifications of networks, recipes, tasks, studies and committees."""
