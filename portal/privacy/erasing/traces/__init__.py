"""What names somebody in the words of others: looked for by what it says, and blotted out."""
