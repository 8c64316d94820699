import './styles/tokens.css';
import './styles/series.css';
import './styles/base.css';
import { mount } from 'svelte';
import App from './app/App.svelte';
import { applyTheme } from './app/theme.svelte';

applyTheme();
mount(App, { target: document.body });
