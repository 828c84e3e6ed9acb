// Before anything is painted: the colours that the reader chose. No module, so that nothing waits for it.
{
  const chosen = localStorage.getItem('parlor-theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
}
